BeforeAll { . $PSScriptRoot/Setup.ps1 }

# One rule for all cmdlets: an existing file of that exact name, or else a pattern, which must match; new names may have brackets.
Describe 'Paths' {
    BeforeAll {
        $red = [Convert]::FromBase64String('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC')
        $place = New-Item TestDrive:/home -ItemType Directory
        $null = New-Item "$place/folder" -ItemType Directory
        Push-Location $place
        [IO.File]::WriteAllBytes("$place/red.png", $red)
        $null = $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32 -OutputDirectory run

        function New-Folder([string] $Path) {
            foreach ($class in 'a', 'b') {
                $null = New-Item "$Path/$class" -ItemType Directory
                [IO.File]::WriteAllBytes("$place/$Path/$class/1.png", $red)
            }
        }

        # The first error of a script, terminating or not.
        function Get-FirstError([scriptblock] $Script) {
            $Error.Clear()
            try { $null = & $Script 2>$null } catch { }
            if ($Error) { $Error[-1].FullyQualifiedErrorId.Split(',')[0] }
        }
    }

    AfterAll { Pop-Location }

    It 'are read by Import-Model' {
        function Read([string] $Path) { (Import-Model $Path).Classes[0] }
        $null = New-Item 'in [1]' -ItemType Directory
        foreach ($name in 'x[1]', 'x1', 'y1', 'in [1]/z1', 'in [1]/z2') {
            New-ResNet20 -Classes (Split-Path -Leaf $name), other | Save-Model $name
        }
        Read 'x[1]' | Should -Be 'x[1]'
        Read 'y[1]' | Should -Be 'y1'
        Read 'x`[1`]' | Should -Be 'x[1]'
        Read 'in [1]/z[1]' | Should -Be 'z1'
        foreach ($nothing in 'q[1]', 'q*', 'q[', 'nowhere/*') { Get-FirstError { Read $nothing } | Should -Be 'FileNotFound' }
    }

    It 'are written by Export-ModelGraph' {
        foreach ($name in 'out [a].dot', 'new [1]/x.dot', 'half [.dot') {
            $model | Export-ModelGraph $name
            Test-Path -LiteralPath $name | Should -BeTrue
        }
        Set-Content x1.dot precious
        $model | Export-ModelGraph 'x[1].dot' -Force
        Get-Content x1.dot | Should -Be precious
        $model | Export-ModelGraph 'x?.dot' -Force
        Get-Content x1.dot | Select-Object -First 1 | Should -Not -Be precious
        Get-FirstError { $model | Export-ModelGraph 'none*.dot' } | Should -Be 'FileNotFound'
        Get-FirstError { $model | Export-ModelGraph '*.dot' } | Should -Be 'AmbiguousPath'
    }

    It 'of a run may have brackets, and go on by a pattern' {
        $null = $data | Start-ModelTraining (New-ResNet20) -Epochs 1 -BatchSize 32 -OutputDirectory 'night [1]'
        Test-Path -LiteralPath 'night [1]/model.safetensors' | Should -BeTrue
        ($data | Start-ModelTraining -ResumeFrom 'night [1]' -Epochs 2).Epoch | Should -Be 2
        ($data | Start-ModelTraining -ResumeFrom 'nigh*/*latest*' -Epochs 3).Epoch | Should -Be 3
        Get-FirstError { $data | Start-ModelTraining -ResumeFrom 'none*' } | Should -Be 'FileNotFound'
        Get-FirstError { $data | Start-ModelTraining (New-ResNet20) -OutputDirectory red.png } | Should -Be 'NotAFolder'
    }

    It 'of folders stand for what is in them: <script>' -ForEach @(
        @{ script = { (Import-Model run).TrainedEpochs }; expected = 1 }
        @{ script = { (Get-Item run | Import-Model).TrainedEpochs }; expected = 1 }
        @{ script = { @(Invoke-Inference $model pics).Count }; expected = 1 }
        @{ script = { @(Invoke-Inference $model pics -Recurse).Count }; expected = 3 }
        @{ script = { @(Get-Item pics | Invoke-Inference $model -Recurse).Count }; expected = 3 }
        @{ script = { @(Get-ChildItem pics -Recurse | Invoke-Inference $model).Count }; expected = 3 }
        @{ script = { Get-FirstError { Import-Model folder } }; expected = 'FileNotFound' }
        @{ script = { Get-FirstError { Invoke-Inference $model folder } }; expected = 'NoImages' }
        @{ script = { Get-FirstError { Get-ImageDataset red.png } }; expected = 'NotAFolder' }
        @{ script = { Get-FirstError { $model | Save-Model folder } }; expected = 'NotARegularFile' }
    ) {
        if (!(Test-Path pics)) { New-Folder pics; Copy-Item red.png pics/c.jpg }
        & $script 3>$null | Should -Be $expected
    }
}
